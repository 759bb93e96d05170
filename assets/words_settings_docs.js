// What each setting means in Dutch. English comes with the setting itself, from the place where it is declared; a setting
// without an entry here is shown in English.

const DUTCH = {
  "network.home": "Netwerken die als binnen tellen. Leeg: de privéreeksen en de netwerken van de aansluitingen.",
  "network.memory_mib":
    "Geheugen voor de tabellen van verbindingen, adressen en detectoren. Is het op, dan gaat wat het langst stil was.",
  "network.gateways": "Adressen van routers, waar die niet door luisteren te leren zijn.",
  "network.geoip":
    "MaxMind DB-bestanden die zeggen waar adressen buiten zijn en van wie, voor het dashboard. Leeg: er wordt niets opgezocht.",
  "devices.online_seconds":
    "Zoveel seconden zonder frame en een apparaat telt als offline. Telefoons slapen minutenlang.",
  "devices.names": "Namen bij MAC-adressen. Een naam die op de pagina van het apparaat is gegeven, gaat voor.",
  "devices.important":
    "MAC-adressen van apparaten die niet mogen stilvallen: valt er een stil, dan komt er een melding. Op het dashboard zijn er meer te markeren.",
  "detect.quiet_period_s":
    "Zolang hoort meer van hetzelfde bij dezelfde melding, in plaats van een nieuwe te geven.",
  "detect.learning_days":
    "Dagen waarop een apparaat is gezien voordat wordt gemeld wat het voor het eerst doet. Een week heeft de meeste gewoonten gezien.",
  "detect.confirm_days":
    "Dagen waarop iets nieuws daarna te zien moet zijn om gewoon te worden. Met één dag leert het een aanvaller in een nacht.",
  "detect.few_destinations":
    "Tot zoveel bestemmingen telt een apparaat als standvastig, zodat een nieuwe wordt gemeld. Camera's en stekkers hebben er één tot vijf, een telefoon honderden.",
  "detect.allow":
    "Wat zo hoort en niets meldt: kind (soort), source (bron), target (doel: adres of netwerk) en port (poort van het doel); alles wat is gegeven moet passen. feed_match, arp_spoof en wat kritiek is worden alleen verborgen als kind en source of target zijn gegeven.",
  "store.path": "Het bestand. De map wordt gemaakt als die er niet is.",
  "store.cache_kib": "Cache voor het lezen van het bestand. Meer maakt het niet sneller.",
  "store.max_mib": "Grootste omvang van het bestand. Het oudste gaat eerst.",
  "store.alert_days": "Dagen dat meldingen worden bewaard.",
  "store.flush_seconds":
    "Seconden tussen het schrijven van verkeersgeschiedenis naar de kaart. Bij stroomuitval gaat hoogstens zoveel verloren; meldingen worden altijd meteen geschreven. 60 schrijft zo'n 120 MB per dag, 600 zo'n 15 MB.",
  "feeds.lists": "De lijsten. Er wordt er geen opgehaald die hier niet staat; config.toml.example zegt hoe ze te schrijven zijn.",
  "feeds.reload_seconds":
    "Seconden tussen twee keer kijken of een lijst, of wat netmonitor feeds update maakte, is veranderd.",
  "feeds.dir": "Map voor wat is opgehaald en samengesteld.",
  "feeds.max_mib": "Grootste lijst die wordt opgehaald, uitgepakt. Meer wordt geweigerd; de lijst blijft zoals die was.",
  "feeds.timeout_seconds": "Seconden die één lijst erover mag doen.",
  "log.level": "off (niets), error (wat stuk is), warn (wat stuk kan gaan), info (wat er gebeurt), debug (waarom) of trace (alles).",
  "log.dir": "Map voor logbestanden, begrensd in omvang. Leeg: alleen het journaal.",
  "dashboard.server":
    "embedded (door de monitor zelf), standalone (door netmonitor dashboard, een eigen proces) of off (niet).",
  "dashboard.host": "Adres om op te luisteren: 0.0.0.0 en :: zijn alle, 127.0.0.1 is alleen deze machine.",
  "dashboard.port": "Poort om op te luisteren; 0 neemt een vrije.",
  "dashboard.auth": "password, of none, dat alleen mag met een adres van deze machine zelf.",
  "dashboard.max_viewers": "Browsers die tegelijk live kunnen kijken; hoogstens max_connections.",
  "dashboard.max_connections": "Verbindingen tegelijk; nog een wacht.",
  "dashboard.session_days": "Dagen waarna een aanmelding eindigt.",
  "dashboard.public_hosts":
    "Namen waaronder dit dashboard te bereiken is, naast zijn adressen en hostnaam. Andere worden geweigerd, zodat een webpagina elders zich er niet voor kan uitgeven.",
  "capture.interfaces": "Aansluitingen om op te luisteren, bij naam. Leeg: gekozen bij de start.",
  "capture.source":
    "Hoe frames worden gelezen: ring (gedeeld met de kernel, het zuinigst), pnet (werkt overal), auto (de ring, en pnet waar die er niet is).",
  "capture.promiscuous": "Of ook frames voor anderen worden gelezen. Uit: alleen het verkeer van deze machine.",
  "capture.memory_mib":
    "Ring per aansluiting waarin frames wachten terwijl naar de kaart wordt geschreven. Telt geheel als geheugen van dit proces; verloren frames worden geteld en getoond.",
  "capture.exclude_hosts": "Netwerken of adressen die niet worden bekeken, zoals die van een back-upserver.",
  "capture.exclude_ports": "TCP- en UDP-poorten die niet worden bekeken.",
  "capture.exclude_self": "Of het verkeer tussen dit dashboard en zijn kijkers wordt weggelaten: het zou zichzelf laten zien.",
};

/** In which language `settingDoc` answers. */
export const docLang = (setting, lang) =>
  lang === "nl" && !setting.key.endsWith(".enabled") && !Object.hasOwn(DUTCH, setting.key) ? "en" : lang;

/** What a setting means, in a language; English where there is no Dutch. */
export function settingDoc(setting, lang) {
  if (lang === "nl") {
    if (setting.key.endsWith(".enabled")) return "Of er op deze soort wordt gelet.";
    if (Object.hasOwn(DUTCH, setting.key)) return DUTCH[setting.key];
  }
  // The range stands beside the input; long docs are for the example file: their first part is enough here.
  const plain = setting.doc.replace(/\x60/g, "").replace(/\s+/g, " ").replace(/ [\d.]+ to [\d.]+\.$/, "");
  return setting.key === "feeds.lists" ? plain.split(" format ")[0] : plain;
}
