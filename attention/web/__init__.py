"""The web page: tabs, style sheets, scripts, charts and the report. Only this package imports gradio."""
