# Each target is one line to a script or to cargo; CI runs `deps check test` through .ci/run.
.PHONY: deps build demo test check soak bench instructions fuzz clean

deps: ; .ci/deps
build: ; cargo build --workspace --release
demo: deps ; .ci/demo
test: deps ; .ci/test
check: deps ; .ci/check
fuzz: ; .ci/fuzz
soak: deps ; .ci/soak
bench: ; .ci/bench
instructions: deps ; .ci/instructions
clean: ; cargo clean
