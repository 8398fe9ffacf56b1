"""The page's look: Gradio's base theme in the system's fonts, with the style sheets and scripts of static/."""

import gradio as gr

from attention.web.style import CSS, SCRIPT

__all__ = [
    "CSS", "FETCH_REPORT", "HEAD", "SET_MAP_OPACITY", "SET_OPACITY", "SHOW_MAP", "SORT_CARDS", "build_theme",
]  # fmt: skip

FONTS = (
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans CJK SC",
    "sans-serif",
)

TOKENS = {  # of Gradio's theme, and the token of tokens.css that it is
    "body_background_fill": "paper",
    "body_text_color": "ink",
    "body_text_color_subdued": "ink-2",  # Gradio's own has less contrast than 4.5:1
    "background_fill_primary": "paper",
    "background_fill_secondary": "wash",
    "border_color_primary": "line",
    "block_background_fill": "paper",
    "block_border_color": "line",
    "block_label_background_fill": "wash",
    "block_label_text_color": "ink-2",
    "block_title_text_color": "ink",
    "input_background_fill": "wash",
    "input_placeholder_color": "ink-2",
    "checkbox_label_background_fill": "wash",
    "checkbox_background_color_selected": "ink",
    "checkbox_border_color_selected": "ink",
    "button_primary_background_fill": "ink",
    "button_primary_background_fill_hover": "ink-2",
    "button_primary_text_color": "paper",
    "button_secondary_background_fill": "wash-2",
    "button_secondary_background_fill_hover": "line-2",
    "button_secondary_text_color": "ink",
    "slider_color": "ink",
}
DARK_TOKENS = {"checkbox_background_color_selected": "line-2"}  # Gradio's tick is white


def build_theme() -> gr.themes.Base:
    return gr.themes.Base(
        primary_hue=gr.themes.colors.slate,
        neutral_hue=gr.themes.colors.gray,
        radius_size=gr.themes.sizes.radius_md,
        font=FONTS,
        font_mono=("ui-monospace", "Consolas", "monospace"),
    ).set(
        block_shadow="none",
        button_primary_shadow="none",
        **{name: f"var(--{token})" for name, token in TOKENS.items()},
        **{f"{name}_dark": f"var(--{token})" for name, token in (TOKENS | DARK_TOKENS).items()},
    )


HEAD = f"<script>\n{SCRIPT}</script>"
SHOW_MAP = "(choice) => { document.querySelector('#results').dataset.map = choice; }"
SORT_CARDS = "(order) => { document.querySelector('#results').dataset.sort = order; }"
FETCH_REPORT = (
    "() => { if (document.querySelector('#save-says [data-ready]')) document.querySelector('#report-file').click(); }"
)
SET_OPACITY = "(value) => { document.querySelector('#results').style.setProperty('--opacity', value / 100); }"
SET_MAP_OPACITY = "(value) => { document.querySelector('#examine').style.setProperty('--opacity', value / 100); }"
