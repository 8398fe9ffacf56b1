# make demo   serve the page on the committed checkpoints      (PORT=7860 HOST=127.0.0.1 ARGS=)
# make test   set up, then the whole suite                     (ARGS= goes to pytest)
# make check  ruff and the import rules
# make contact-sheet   every map of every model on six images, to be looked at: out/contact-sheet/  (ARGS=)
# make screenshots     the pictures of README: docs/screenshots/
# make docs            the list of all commands and flags: docs/command-line.md
PYTHON ?= python3.11
PORT ?= 7860
HOST ?= 127.0.0.1
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check browser renderings contact-sheet screenshots docs clean
.DELETE_ON_ERROR:

# a stamp a requirements file: an interrupted install is done again, an unchanged one is not
$(VENV)/.demo: requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "Python 3.11 with venv is needed: apt install python3.11-venv, or make PYTHON=/path/to/python3.11 demo"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements.txt requirements-ray.txt requirements-export.txt requirements-imagenet.txt requirements-dev.txt $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

demo: $(VENV)/.demo
	$(BIN)/python app.py --host $(HOST) --port $(PORT) $(ARGS)

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; \
	  else echo "The browser tests need Chromium: sudo apt install chromium"; exit 1; fi; }

test: $(VENV)/.dev browser
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -q tests/test_architecture.py

contact-sheet: $(VENV)/.demo
	$(BIN)/python -m attention contact-sheet $(ARGS)

screenshots: $(VENV)/.dev browser
	$(BIN)/python tests/browser/screenshots.py

docs: $(VENV)/.demo
	$(BIN)/python tools/document.py

renderings:
	bash samples/render.sh

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache out
