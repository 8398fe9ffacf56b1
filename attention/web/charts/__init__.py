"""Charts with plotly."""
