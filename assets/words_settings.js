// Words of the settings page: English and Dutch side by side, so that neither falls behind.

export default {
  "settings.page": ["This page", "Deze pagina"],
  "settings.kiosk": ["Open the kiosk, for a screen on the wall", "Open het wandscherm"],
  "settings.session": ["Session", "Sessie"],
  "settings.about": ["On {host}, version {version}.", "Op {host}, versie {version}."],
  "settings.kinds": ["What it looks for", "Waar het naar kijkt"],
  "settings.kinds.why": [
    "Every kind of alert with the settings in force. They are changed in config.toml.",
    "Elke soort melding met de geldende instellingen. Wijzigen doet u in config.toml.",
  ],
  "settings.kinds.none": ["The catalogue is empty", "De catalogus is leeg"],
  "settings.kinds.none.why": [
    "The monitor did not give its list of detections.",
    "De monitor gaf geen lijst van soorten meldingen.",
  ],
};
