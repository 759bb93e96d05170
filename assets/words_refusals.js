// Why the monitor refuses a request, by the code of its answer, `{message}` being its own words: English, and more exact.

export default {
  "refusal.administrator": ["The administrator cannot be deleted.", "De beheerder kan niet worden verwijderd."],
  "refusal.bad_request": ["The monitor refused: {message}", "De monitor weigerde dit: {message}"],
  "refusal.body_too_large": ["That is too long.", "Dat is te lang."],
  "refusal.body_too_slow": [
    "It did not arrive in time. Try again.",
    "Het kwam niet op tijd aan. Probeer het opnieuw.",
  ],
  "refusal.busy": ["The monitor is busy. Try again in a moment.", "De monitor is bezig. Probeer het zo opnieuw."],
  "refusal.claimed": ["A password is set already. Log in.", "Er is al een wachtwoord ingesteld. Log in."],
  "refusal.clock_not_set": [
    "The clock of this monitor is not set yet, so codes cannot be checked. Use a recovery code, or wait a moment.",
    "De klok van deze monitor staat nog niet goed, dus codes zijn niet te controleren. Gebruik een herstelcode, of wacht even.",
  ],
  "refusal.code_needed": [
    "The code of your telephone is needed too, or a recovery code.",
    "Ook de code van uw telefoon is nodig, of een herstelcode.",
  ],
  "refusal.code_used.clock": [
    "That code was used already. Wait for the next one.",
    "Die code is al gebruikt. Wacht op de volgende.",
  ],
  "refusal.encoding_failed": ["The answer could not be made.", "Het antwoord kon niet worden gemaakt."],
  "refusal.invalid_settings": ["Not changed: {message}", "Niet gewijzigd: {message}"],
  "refusal.locked_out": [
    "Too many wrong tries. Wait a moment, then try again.",
    "Te veel foute pogingen. Wacht even en probeer het dan opnieuw.",
  ],
  "refusal.logins_busy": [
    "Many are logging in just now. Try again in a moment.",
    "Er loggen nu velen in. Probeer het zo opnieuw.",
  ],
  "refusal.method_not_allowed": ["That is not possible here.", "Dat kan hier niet."],
  "refusal.method_unknown": ["That is not possible here.", "Dat kan hier niet."],
  "refusal.monitor_away": [
    "The monitor is away. Try again when it is back.",
    "De monitor is weg. Probeer het opnieuw als hij terug is.",
  ],
  "refusal.name_taken": ["Another account has this name.", "Een ander account heeft deze naam al."],
  "refusal.no_account": ["Log in with a password first.", "Log eerst in met een wachtwoord."],
  "refusal.no_answer": ["The monitor did not answer in time.", "De monitor antwoordde niet op tijd."],
  "refusal.no_peer": ["Logging in needs an address.", "Voor inloggen is een adres nodig."],
  "refusal.no_random": [
    "The monitor has only just started. Try again in a moment.",
    "De monitor is nog maar net gestart. Probeer het zo opnieuw.",
  ],
  "refusal.no_session": ["Log in first.", "Log eerst in."],
  "refusal.no_two_factor": ["There is no second step to recover.", "Er is geen tweede stap om te herstellen."],
  "refusal.not_claimed": ["No password is set yet.", "Er is nog geen wachtwoord ingesteld."],
  "refusal.not_found": ["That does not exist (any more).", "Dat bestaat niet (meer)."],
  "refusal.not_json": ["The monitor did not understand this.", "De monitor begreep dit niet."],
  "refusal.not_kept": ["It could not be kept: {message}", "Het kon niet worden bewaard: {message}"],
  "refusal.not_live": [
    "These settings cannot be changed here: no live monitor stands behind this page.",
    "Deze instellingen zijn hier niet te wijzigen: achter deze pagina staat geen lopende monitor.",
  ],
  "refusal.nothing_offered": [
    "Begin anew: the key that was shown has lapsed.",
    "Begin opnieuw: de getoonde sleutel is vervallen.",
  ],
  "refusal.nothing_to_undo": ["There is no change to take back.", "Er is geen wijziging om terug te draaien."],
  "refusal.other_origin": [
    "The monitor answers its own pages only.",
    "De monitor geeft alleen antwoord aan zijn eigen pagina’s.",
  ],
  "refusal.read_only": [
    "This log-in may look but not change anything.",
    "Met deze inlog kunt u kijken, maar niets wijzigen.",
  ],
  "refusal.starting": ["The monitor is starting.", "De monitor start op."],
  "refusal.stopping": ["The monitor is stopping.", "De monitor stopt."],
  "refusal.store_failed": ["It could not be kept: {message}", "Het kon niet worden bewaard: {message}"],
  "refusal.too_many_accounts": [
    "There is room for 64 viewers. Delete one first.",
    "Er is plaats voor 64 kijkers. Verwijder er eerst een.",
  ],
  "refusal.too_many_connections": [
    "Too many requests from this address at once. Try again in a moment.",
    "Te veel verzoeken tegelijk vanaf dit adres. Probeer het zo opnieuw.",
  ],
  "refusal.too_many_tokens": [
    "There are 32 tokens already. Delete one first.",
    "Er zijn al 32 sleutels. Verwijder er eerst een.",
  ],
  "refusal.too_many_viewers": ["Too many are watching live.", "Er kijken te veel mensen live mee."],
  "refusal.two_factor_on": ["The second step is on already.", "De tweede stap staat al aan."],
  "refusal.unknown_host": [
    "This dashboard does not go by that name. Add it to dashboard.public_hosts.",
    "Dit dashboard kent die naam niet. Voeg hem toe aan dashboard.public_hosts.",
  ],
  "refusal.wrong_code": [
    "That is not the claim code; the monitor shows it when it starts.",
    "Dat is niet de eigendomscode; de monitor toont die als hij start.",
  ],
  "refusal.wrong_code.clock": [
    "That is not the code of now. The clock of this monitor: {time}.",
    "Dat is niet de code van nu. De klok van deze monitor: {time}.",
  ],
  "refusal.wrong_password": ["That is not the password.", "Dat is niet het wachtwoord."],
  "refusal.wrong_token": ["That is no token for the wall display.", "Dat is geen sleutel voor het wandscherm."],
};
