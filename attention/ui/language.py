"""Which language a visitor reads."""

import gradio as gr

from attention.ui.texts import language_of


def language(request: gr.Request | None) -> str:
    """The language that a visitor's browser asks for; English where there is no browser."""
    return language_of(request.headers.get("accept-language") if request else None)
