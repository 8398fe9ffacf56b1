"""What stands between the page and a network: limits, headers, health, metrics, logs, passwords. No gradio and no torch here."""
