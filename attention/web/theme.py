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
        body_background_fill="#ffffff",
        body_background_fill_dark="#0f1115",
        # neutral greys, one step apart, because colour on the page belongs to the photo and its maps
        background_fill_primary_dark="#12151a",
        background_fill_secondary_dark="#191d24",
        block_background_fill_dark="#12151a",
        block_border_color_dark="#2e3540",
        block_label_background_fill_dark="#191d24",
        border_color_primary_dark="#2e3540",
        input_background_fill_dark="#191d24",
        checkbox_label_background_fill="#f4f6f8",
        checkbox_label_background_fill_dark="#1f252e",
        button_secondary_background_fill_dark="#2a313c",
        # Gradio's own muted text has less contrast than 4.5:1
        body_text_color_subdued="#5b6472",
        body_text_color_subdued_dark="#a3adba",
        input_placeholder_color="#5b6472",
        input_placeholder_color_dark="#a3adba",
    )


HEAD = f"<script>\n{SCRIPT}</script>"
SHOW_MAP = "(choice) => { document.querySelector('#results').dataset.map = choice; }"
SORT_CARDS = "(order) => { document.querySelector('#results').dataset.sort = order; }"
FETCH_REPORT = (
    "() => { if (document.querySelector('#save-says [data-ready]')) document.querySelector('#report-file').click(); }"
)
SET_OPACITY = "(value) => { document.querySelector('#results').style.setProperty('--opacity', value / 100); }"
SET_MAP_OPACITY = "(value) => { document.querySelector('#examine').style.setProperty('--opacity', value / 100); }"
