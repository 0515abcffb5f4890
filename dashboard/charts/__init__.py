"""Frame → Altair chart or SVG, without Streamlit. May import analysis, pipeline, humanize and theme."""
