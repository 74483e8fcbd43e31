#!/bin/sh
# Runs the steps of the Dockerfile without an engine, in a folder of its own, and starts what they make as the image does:
# as a user without rights, on files that nobody may write. Needs root, npm, deno and setpriv. Ends with 0 when it is ready.
set -eu
cd "$(dirname "$0")/.."
root=$(mktemp -d)
deno=$(readlink -f "$(command -v deno)")
started=
finish() {
  [ -z "$started" ] || kill "$started" 2>/dev/null || true
  rm -rf "$root"
}
trap finish EXIT
mkdir -p "$root/app/deploy" "$root/data"
cp -r package.json package-lock.json .npmrc deno.json deno.lock tsconfig.json src entities rpc migrations "$root/app/"
cp deploy/healthcheck.ts "$root/app/deploy/"
(cd "$root/app" && npm ci --omit=dev --ignore-scripts --loglevel=error)
export DENO_DIR="$root/deno-dir" DENO_NO_UPDATE_CHECK=1
(cd "$root/app" && deno cache --node-modules-dir=manual --frozen src/main.ts deploy/healthcheck.ts)
chmod 755 "$root"
chmod -R a+rX,a-w "$root/app" "$root/deno-dir"
chown 65532:65532 "$root/data"
run() {
  setpriv --reuid=65532 --regid=65532 --clear-groups env HOME=/nonexistent GUICHET_DATA="$root/data" \
    CORE_PORT=45001 NOTIFICATIONS_PORT=45002 PAYMENTS_PORT=45003 TICKETS_PORT=45004 SCANS_PORT=45005 HEALTH_PORT=45001 \
    "$deno" run --node-modules-dir=manual --cached-only --no-prompt --allow-net --allow-env "$@"
}
run --allow-sys=hostname,uid,gid,setPriority --allow-read --allow-write="$root/data" "$root/app/src/main.ts" serve \
  2>"$root/data/log" &
started=$!
for _ in $(seq 1 60); do
  sleep 1
  if run "$root/app/deploy/healthcheck.ts" 2>/dev/null; then
    echo "The image's program is ready, as a user without rights on files that nobody may write"
    exit 0
  fi
done
tail -5 "$root/data/log"
exit 1
