"""What the tests of the card say: promises kept or broken, figures; and how a person gets in."""

import sys

PASSWORD = "a long enough password"
passed, failed = 0, 0


def promise(text, kept, found=""):
    global passed, failed
    passed, failed = passed + bool(kept), failed + (not kept)
    print(f"{'ok' if kept else 'BROKEN'}: {text}" + ("" if kept else f": {found!r}"), flush=True)


def within(card, seconds, text, what):
    """A promise that is kept in a while."""
    try:
        card.wait(what, seconds, text)
        promise(text, True)
    except AssertionError as error:
        promise(text, False, str(error)[-600:])


def figure(name, value):
    print(f"figure: {name}: {value}", flush=True)


def claim(card):
    code = card.shown(r"Claim code:\s+([A-Z0-9]{4}-[A-Z0-9]{4})")
    card.cookie = None
    status, answer = card.request("POST", "/api/claim", {"code": code, "password": PASSWORD})
    return code, status, answer


def log_in(card):
    card.cookie = None
    return card.request("POST", "/api/session", {"password": PASSWORD})[0]


def end():
    """The sum, and the end of the program."""
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed != 0)
