#!/usr/bin/env bash
# make-venv.sh NAME: make the virtualenv NAME and print the folders to put on PATH, the first one last.
#
# TMS_CACHE_DIR keeps virtualenvs between runs; without it they live as long as the job. `component-shell`
# is what the component's unit tests run in: the service's find its package, the addon's an Odoo and a database.
set -euo pipefail
name=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "${here}/../../.." && pwd)
export TMS_CACHE_DIR=${TMS_CACHE_DIR:-${RUNNER_TEMP}/tms-cache}
make_venv() { PYTHONPATH=${root} python3.11 "${here}/make_venv.py" "$1"; }
venv=$(make_venv "${name}")
bin=${RUNNER_TEMP}/component-bin
mkdir -p "${bin}"
{
  echo '#!/usr/bin/env bash'
  case ${name} in
    odoo)
      # PostgreSQL comes with the service's virtualenv.
      gps=$(make_venv gps)
      echo "export TMS_CACHE_DIR='${TMS_CACHE_DIR}' TMS_VENV_ODOO='${venv}' TMS_VENV_GPS='${gps}'"
      echo "PYTHONPATH='${root}' exec python3.11 -m devtools.addon_shell \"\$@\""
      ;;
    gps)
      echo "PYTHONPATH='${root}/gps_ingestion_service/src' exec bash --noprofile --norc -e -o pipefail \"\$@\""
      ;;
    *)
      echo 'exec bash --noprofile --norc -e -o pipefail "$@"'
      ;;
  esac
} > "${bin}/component-shell"
chmod +x "${bin}/component-shell"
printf '%s\n%s\n' "${bin}" "${venv}/bin"
