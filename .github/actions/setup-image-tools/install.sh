#!/usr/bin/env bash
# install.sh: make the virtualenv that carries Trivy and print a folder that holds only its command, so that
# nothing else of the virtualenv shadows a component's own.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "${here}/../../.." && pwd)
export TMS_CACHE_DIR=${TMS_CACHE_DIR:-${RUNNER_TEMP}/tms-cache}
venv=$(PYTHONPATH=${root} python3.11 "${here}/../setup-python-env/make_venv.py" image)
bin=${RUNNER_TEMP}/image-bin
mkdir -p "${bin}"
ln -sf "${venv}/bin/trivy" "${bin}/trivy"
echo "${bin}"
