"""What pages are built of, drawn with Streamlit. May import everything of the dashboard but app_pages."""
