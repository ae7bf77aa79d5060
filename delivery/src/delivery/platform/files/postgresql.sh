# shellcheck shell=sh
# Prepares the database folder before PostgreSQL starts: makes it when it is not
# there, and brings roles, passwords and databases to what they should be.
set -eu
: "${PGDATA:?names the database folder}"
new="${PGDATA}.new"
if [ ! -s "${PGDATA}/PG_VERSION" ]; then
  rm -rf "${new:?}"
  initdb -D "${new}" -U postgres --encoding=UTF8 --locale=C.UTF-8 \
    --auth-local=trust --auth-host=scram-sha-256 --no-instructions
  echo "host all all all scram-sha-256" >> "${new}/pg_hba.conf"
  # Renamed last: a folder of this name is a whole one.
  mv "${new}" "${PGDATA}"
fi
# The volume is opened to the pod's group whenever it is mounted; PostgreSQL refuses
# a folder that a group may write to.
chmod 700 "${PGDATA}"
pg_ctl -D "${PGDATA}" -w -s -o "-c listen_addresses='' -k /run/postgresql" start
for NAME in odoo gps; do
  export NAME
  psql -h /run/postgresql -U postgres -v ON_ERROR_STOP=1 -v name="${NAME}" -q <<'SQL'
\set password `cat "/secrets/$NAME"`
SELECT format('CREATE ROLE %I LOGIN', :'name')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
SQL
done
# Integration tests of the addon make databases of their own.
psql -h /run/postgresql -U postgres -v ON_ERROR_STOP=1 -q -c 'ALTER ROLE odoo CREATEDB'
pg_ctl -D "${PGDATA}" -w -s -m fast stop
