# Everything runs in .venv, which the first target makes from requirements.lock.
# Another interpreter: make PYTHON=python3.12 demo

PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.10; do \
	$$name -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
	2>/dev/null && echo $$name && break; done)
RUN := .venv/bin/python
READY := .venv/.ready

# A Python with real TensorFlow 1.15, as `.ci/legacy tf1 PYTHON37` makes one.
TF1 ?= .venv-tf1/bin/python

# A part of what the long targets do, drawn by a seed: make mutants SAMPLE="--sample=40 --seed=abc"
SAMPLE ?=
SEARCH ?=
PART := $(if $(SAMPLE),-sample)
ZOO := build/zoo$(PART)
RESNET := build/resnet64$(PART)

.PHONY: demo test mutants mutants-list mutants-search fuzz slim-tests zoo proof lint golden lock clean

demo: $(READY)
	$(RUN) scripts/demo.py

test: $(READY)
	$(RUN) -m pytest -n auto --dist worksteal

# Migrates five nets wrong in every way that is known, and prints what share the proof catches. Then
# searches: 1,000 random edits of 100 random nets, and 200 right models in other forms.
# SEARCH="--sample=3 --seed=abc" for some of the nets, --only=SEED:INDEX for one model again.
mutants: mutants-list mutants-search

mutants-list: $(READY)
	$(RUN) -m tests.mutants.run $(SAMPLE)

mutants-search: $(READY)
	$(RUN) -m tests.mutants.search.run $(SEARCH)

# Damages 20,000 files of every kind that slimfix reads: each is one clear error, or read right.
# FUZZ="--files=1000 --first=7000" for some of them, --seed=... for others, --only=SEED:INDEX for one.
fuzz: $(READY)
	$(RUN) -m tests.fuzz.run $(FUZZ)

# Runs the tests that tf-slim ships, and compares them with TensorFlow 1.15.5's results; five minutes.
slim-tests: $(READY)
	$(RUN) -m tests.upstream.run $(SAMPLE)

# Eleven nets of tf.contrib.slim.nets, written by TensorFlow 1.15 and migrated: 5 GB in build/zoo, seven minutes.
zoo: $(READY)
	@test -x "$(TF1)" || { echo "No $(TF1): make it with .ci/legacy tf1 /path/to/python3.7, or name one: make TF1=..." >&2; exit 1; }
	$(if $(SAMPLE),rm -rf $(ZOO))
	test -d $(ZOO) || PYTHONPATH=. $(TF1) tests/golden/make_zoo.py $(ZOO) $(SAMPLE)
	$(RUN) tests/zoo/run.py $(ZOO)

# resnet_v1_50 as TensorFlow 1.15 trained it for 100 steps, migrated and verified at all levels; ten minutes.
proof: $(READY)
	@test -x "$(TF1)" || { echo "No $(TF1): make it with .ci/legacy tf1 /path/to/python3.7, or name one: make TF1=..." >&2; exit 1; }
	$(if $(SAMPLE),rm -rf $(RESNET))
	test -e $(RESNET)/recording.npz || PYTHONPATH=. $(TF1) tests/golden/make_resnet_recording.py $(RESNET) $(SAMPLE)
	rm -rf $(RESNET)/keras $(RESNET)/report
	.venv/bin/slimfix migrate --checkpoint=$(RESNET)/model.ckpt --inputs=images:0 --outputs=SpatialSqueeze:0 --output_dir=$(RESNET)/keras >$(RESNET)/migrate.log
	.venv/bin/slimfix verify --model=$(RESNET)/keras --recording=$(RESNET)/recording.npz --output_dir=$(RESNET)/report

lint: $(READY)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "slimfix needs Python 3.10 to 3.13; name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Writes tests/golden again; needs real TensorFlow 1.15.5 (see tests/golden/README.md).
golden:
	python3.7 tests/golden/make_digits.py
	python3.7 tests/golden/make_micro.py
	python3.7 tests/golden/make_behaviour.py
	python3.7 tests/golden/make_crossing.py
	python3.7 tests/golden/make_checkpoints.py
	python3.7 tests/golden/make_op_nets.py
	python3.7 tests/golden/make_forms.py
	$(dir $(TF1))slimfix record --checkpoint=tests/golden/digits/good/model.ckpt --levels=L1,L2,L3,L4 --batch_size=8 --overwrite \
		--output=tests/golden/digits/good/training_recording.npz

# Resolves the newest dependencies anew; needs uv.
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.10 \
		--no-emit-index-url --no-annotate --no-header --upgrade -o requirements.lock

clean:
	rm -rf .venv .venv-tf1 .venv-tf216 build
