#!/usr/bin/env bash
# make-venv.sh NAME: make the virtualenv NAME and print the folders to put on PATH, the first one last.
#
# TMS_CACHE_DIR keeps virtualenvs between runs; without it they live as long as the job. `component-shell`
# is what the component's unit tests run in: the addon's need an Odoo and a database around them.
set -euo pipefail
name=$1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
export TMS_CACHE_DIR=${TMS_CACHE_DIR:-$RUNNER_TEMP/tms-cache} PYTHONPATH=$root
venv=$(python3.11 "$(dirname "${BASH_SOURCE[0]}")/make_venv.py" "$name")
bin=$RUNNER_TEMP/component-bin
mkdir -p "$bin"
{
  echo '#!/usr/bin/env bash'
  echo "export TMS_CACHE_DIR='$TMS_CACHE_DIR'"
  if [[ $name == odoo ]]; then
    echo "PYTHONPATH='$root' exec python3.11 -m devtools.addon_shell \"\$@\""
  else
    echo 'exec bash --noprofile --norc -e -o pipefail "$@"'
  fi
} > "$bin/component-shell"
chmod +x "$bin/component-shell"
printf '%s\n%s\n' "$bin" "$venv/bin"
