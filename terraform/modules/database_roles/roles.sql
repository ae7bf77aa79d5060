-- Brings an application's role and its database to what they should be; changes nothing that is so already.
-- Run by psql as the administrator, with the role's name in :role and its password in the file :password_file.
\set ON_ERROR_STOP on
\set password `cat "$PASSWORD_FILE"`

SELECT format('CREATE ROLE %I LOGIN', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec

ALTER ROLE :"role" PASSWORD :'password';

-- A database is owned by a role only if who makes it is a member of that role; RDS's administrator is no superuser.
GRANT :"role" TO CURRENT_USER;

SELECT format('CREATE DATABASE %I OWNER %I', :'role', :'role')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'role') \gexec

-- Nobody else connects to it.
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
