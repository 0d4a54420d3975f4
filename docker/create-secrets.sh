#!/bin/sh
# Makes the secrets that stack.yaml needs, with generated passwords. Run it once on a manager node of the swarm.
# The admin's password is printed, once; set ADMIN_PASSWORD to choose it.
set -eu
umask 077

password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
secret() { printf '%s' "$2" | docker secret create "$1" - >/dev/null && echo "made $1"; }

owner=$(password)
app=$(password)
redis=$(password)
admin=${ADMIN_PASSWORD:-$(password)}

secret agentos_postgres_password "$owner"
secret agentos_migration_database_url "postgres://agentos_owner:$owner@postgres:5432/agentos"
secret agentos_database_url "postgres://agentos_app:$app@postgres:5432/agentos"
secret agentos_redis_password "$redis"
secret agentos_redis_url "redis://:$redis@redis:6379"
secret agentos_admin_password "$admin"
[ -n "${ADMIN_PASSWORD:-}" ] || echo "the first admin's password: $admin"
