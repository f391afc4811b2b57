#!/bin/sh
# Makes certificates and secrets for deploy/compose.yaml. Keeps those that exist; delete the folder to start again.
# They are for one host. The key of the certificate authority is not kept.
set -eu
umask 027
cd "$(dirname "$0")"
[ -e secrets/ready ] && exit 0
rm -rf secrets
mkdir -p secrets
cd secrets

ca_key=$(mktemp)
trap 'rm -f "$ca_key" ./*.csr ./*.ext' EXIT
openssl ecparam -name prime256v1 -genkey -noout -out "$ca_key"
openssl req -x509 -new -key "$ca_key" -days 825 -subj '/CN=mcp-server compose CA' -out ca.crt \
  -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign

# certificate FILE NAMES
certificate() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
  openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
  printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' "$2" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey "$ca_key" -CAcreateserial -days 397 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
}
certificate proxy DNS:localhost,IP:127.0.0.1
certificate valkey DNS:valkey
rm -f ca.srl

password=$(openssl rand -hex 32)
hash=$(printf %s "$password" | openssl dgst -sha256 -r | cut -d ' ' -f 1)
# Exactly what the stores need: src/server/stores/README.md.
rights='resetkeys ~mcp:* resetchannels &mcp:* -@all +hello +eval +multi +exec +exists +get +getdel +set +del +time +pexpire +pttl +incrby +hget +hgetall +hmget +hset +hsetnx +hexists +hincrby +hdel +xadd +xdel +xlen +xrange +xrevrange +zadd +zcard +zrange +zrem +zremrangebyscore +publish +subscribe +unsubscribe'
printf 'user default off\nuser mcp-server on #%s %s\n' "$hash" "$rights" >users.acl
printf 'rediss://mcp-server:%s@valkey:6379' "$password" >redis-url
openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\n' >state-keys
openssl rand -base64 32 >audit-hmac-key
openssl rand -hex 16 >grafana-password
# Without keys yet. The folder is mounted, because a mounted file would not change with a new version.
mkdir keys
printf '{"version":1,"keys":[]}\n' >keys/api-keys.json

# Compose mounts files with their permissions: readable by the group of the containers and by nobody else.
chgrp -R 65532 . || echo 'Not root: run "sudo chgrp -R 65532 deploy/compose/secrets", or the containers cannot read it' >&2
find . -type f -exec chmod 0640 {} +
chmod 2750 keys # new versions of the keys get the group too
touch ready
