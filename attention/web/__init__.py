"""The page, the only place that knows gradio: tabs, style sheets, scripts, charts, the report."""
