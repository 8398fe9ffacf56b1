# make demo   serve the page on the committed checkpoints      (PORT=7860 HOST=127.0.0.1 ARGS=)
# make test   set up, then the whole suite, in WORKERS=2 processes   (ARGS= goes to pytest)
# make test-fast  what needs no browser, server or other process   (ARGS= goes to pytest)
# make random the suite RUNS=5 times, each time in another order  (SEED= repeats one; ARGS= goes to pytest)
# make check  ruff and the import rules
# make screenshots     the pictures of README: docs/screenshots/
# make docs            the list of all commands and flags: docs/command-line.md
# make hostile    the hostile files of tests/hostile.py and what becomes of each    (two minutes)
# make faults     each fault on a served page, and what its visitor saw: the table of docs/serving.md   (two minutes)
# make refusals   what the page refuses, as curl says it: paths, origins, sizes, types, addresses, rates    (a minute)
# make lock       requirements.lock: every package with its sha256, for this platform
# make licences   the licence of every installed package; unknown and copyleft ones flagged   (ARGS=--runtime)
# make audit      known vulnerabilities of what requirements.lock installs; needs a network
# make coverage   the suite again, with the share of lines that it runs, and a floor   (ARGS= goes to pytest)
# make mutants    does the suite notice a changed reading.py, payloads.py, channel.py?   (half an hour of one core)
# make space      out/space: what a Hugging Face Space needs
PYTHON ?= python3.11
PORT ?= 7860
HOST ?= 127.0.0.1
ARGS ?=
COVERED ?= 96
WORKERS ?= 2
RUNS ?= 5
SEED ?=
VENV := .venv
BIN := $(VENV)/bin
# a file a worker, in the order in which tests/conftest.py puts them: the longest first
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-fast random check browser renderings screenshots docs hostile faults refusals lock licences audit coverage mutants space clean
.DELETE_ON_ERROR:

# a stamp a requirements file: an interrupted install is done again, an unchanged one is not
$(VENV)/.demo: requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "Python 3.11 with venv is needed: apt install python3.11-venv, or make PYTHON=/path/to/python3.11 demo"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements.txt requirements-ray.txt requirements-export.txt requirements-imagenet.txt requirements-dev.txt $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(addprefix -r ,$(filter %.txt,$^))
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/python app.py --host $(HOST) --port $(PORT) $(ARGS)

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	  else echo "The browser tests need Chromium: sudo apt install chromium"; exit 1; fi; }

test: $(VENV)/.dev browser
	$(PYTEST) $(ARGS)

test-fast: $(VENV)/.dev
	$(PYTEST) -q -m "not browser and not served and not slow" $(ARGS)

# each run prints its seed; all are run, and then a failure of any is one of the whole
random: $(VENV)/.dev browser
	@failed=; for seed in $(or $(SEED),$$(shuf -i 1-999999 -n $(RUNS))); do \
	  echo "make random SEED=$$seed"; \
	  $(PYTEST) -p randomly --randomly-seed=$$seed $(ARGS) || failed="$$failed $$seed"; \
	done; test -z "$$failed" || { echo "failed with SEED:$$failed"; exit 1; }

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -q tests/test_architecture.py

screenshots: $(VENV)/.dev browser
	$(BIN)/python tests/browser/screenshots.py

docs: $(VENV)/.demo
	$(BIN)/python tools/document.py

hostile: $(VENV)/.dev
	$(BIN)/python -m tests.hostile

faults: $(VENV)/.dev browser
	$(BIN)/python -m tests.faults

refusals: $(VENV)/.dev
	$(BIN)/python -m tests.refusals

lock: $(VENV)/.demo
	$(BIN)/python tools/lock.py

licences: $(VENV)/.dev
	$(BIN)/python tools/licences.py $(ARGS)

audit: $(VENV)/.dev
	$(BIN)/python tools/audit.py

coverage: $(VENV)/.dev browser
	$(PYTEST) --cov --cov-report=term:skip-covered --cov-fail-under=$(COVERED) $(ARGS)

mutants: $(VENV)/.dev
	$(BIN)/mutmut run
	$(BIN)/mutmut results

space:
	rm -rf out/space && mkdir -p out/space
	git archive HEAD Dockerfile requirements.txt requirements.lock app.py attention checkpoints data/results samples LICENSE NOTICE | tar -x -C out/space
	cp deploy/spaces/README.md out/space/README.md

renderings:
	bash samples/render.sh

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .coverage mutants out
