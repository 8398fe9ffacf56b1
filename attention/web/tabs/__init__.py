"""The tabs of the page, each a module or a package."""
