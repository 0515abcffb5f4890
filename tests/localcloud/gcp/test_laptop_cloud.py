"""The laptop cloud inside a test."""

from pathlib import Path

from localcloud.gcp.laptop_cloud import LaptopCloud


def test_the_real_spotify_is_not_called_by_accident(tmp_path: Path) -> None:
    with LaptopCloud(tmp_path) as cloud:
        urls = {name: url for name, url in cloud.environment.items() if name.startswith(("SPOTIFY", "RECCOBEATS"))}
    discard = "http://127.0.0.1:9"
    assert urls == {"SPOTIFY_ACCOUNTS_URL": discard, "SPOTIFY_API_URL": discard, "RECCOBEATS_API_URL": discard}
