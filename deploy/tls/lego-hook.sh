#!/bin/sh
# Called by lego after a renewal: gives schoolgate the new pair. Run as root.
set -eu
target=/etc/schoolgate/tls
install -d -m 750 -o root -g schoolgate "$target"
install -m 640 -o root -g schoolgate "$LEGO_CERT_KEY_PATH" "$target/key.pem.new"
install -m 640 -o root -g schoolgate "$LEGO_CERT_PATH" "$target/chain.pem.new"
mv "$target/key.pem.new" "$target/key.pem"
mv "$target/chain.pem.new" "$target/chain.pem"
# A service that does not run reads the files when it starts.
schoolgate reload || true
