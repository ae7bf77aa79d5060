#!/usr/bin/env bash
# install.sh: make the tools' virtualenv and print the folder that holds only their two commands, so that
# nothing else of the virtualenv shadows a component's own.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "${here}/../../.." && pwd)
export TMS_CACHE_DIR=${TMS_CACHE_DIR:-${RUNNER_TEMP}/tms-cache}
venv=$(PYTHONPATH=${root} python3.11 "${here}/../setup-python-env/make_venv.py" delivery)
bin=${RUNNER_TEMP}/pipeline-bin
mkdir -p "${bin}"
for command in pipeline-step:delivery.pipeline delivery:delivery; do
  {
    echo '#!/usr/bin/env bash'
    echo "PYTHONPATH='${root}/delivery/src' exec '${venv}/bin/python' -m ${command#*:} \"\$@\""
  } > "${bin}/${command%%:*}"
  chmod +x "${bin}/${command%%:*}"
done
echo "${bin}"
