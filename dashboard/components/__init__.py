"""Parts of pages, drawn with Streamlit. May import everything of the dashboard but app_pages."""
