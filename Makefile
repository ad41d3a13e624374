# Each target is one line to a script or to cargo; CI runs `deps check test` through .ci/run.
.PHONY: deps build demo test check fuzz clean

deps: ; .ci/deps
build: ; cargo build --workspace --release
demo: deps ; .ci/demo
test: deps ; .ci/test
check: deps ; .ci/check
fuzz: ; .ci/fuzz
clean: ; cargo clean
