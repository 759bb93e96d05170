// Why the monitor refuses a request, by the code of its answer. The monitor says it in English, with more detail; the
// Dutch page says it in these words, `{message}` being the monitor's own.

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
    "The clock of the monitor is not set yet, so codes cannot be checked. Use a recovery code, or wait.",
    "De klok van de monitor staat nog niet goed, dus codes zijn niet te controleren. Gebruik een herstelcode, of wacht even.",
  ],
  "refusal.code_needed": [
    "The code of your telephone is needed too, or a recovery code.",
    "Ook de code van uw telefoon is nodig, of een herstelcode.",
  ],
  "refusal.encoding_failed": ["The answer could not be made.", "Het antwoord kon niet worden gemaakt."],
  "refusal.locked_out": [
    "Too many wrong tries. Wait a moment, then try again.",
    "Te veel foute pogingen. Wacht even en probeer het dan opnieuw.",
  ],
  "refusal.method_not_allowed": ["That is not possible here.", "Dat kan hier niet."],
  "refusal.method_unknown": ["That is not possible here.", "Dat kan hier niet."],
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
  "refusal.nothing_offered": ["This took too long. Begin anew.", "Dit duurde te lang. Begin opnieuw."],
  "refusal.other_origin": [
    "The monitor answers its own pages only.",
    "De monitor geeft alleen antwoord aan zijn eigen pagina’s.",
  ],
  "refusal.starting": ["The monitor is starting.", "De monitor start op."],
  "refusal.stopping": ["The monitor is stopping.", "De monitor stopt."],
  "refusal.store_failed": ["It could not be kept: {message}", "Het kon niet worden bewaard: {message}"],
  "refusal.too_many_accounts": [
    "There are as many viewers as there can be. Delete one first.",
    "Er zijn al zoveel kijkers als er kunnen zijn. Verwijder er eerst een.",
  ],
  "refusal.too_many_connections": [
    "Too many requests from this address at once. Try again in a moment.",
    "Te veel verzoeken tegelijk vanaf dit adres. Probeer het zo opnieuw.",
  ],
  "refusal.too_many_tokens": [
    "There are as many tokens as there can be. Delete one first.",
    "Er zijn al zoveel sleutels als er kunnen zijn. Verwijder er eerst een.",
  ],
  "refusal.too_many_viewers": ["Too many are watching live.", "Er kijken te veel mensen live mee."],
  "refusal.two_factor_on": ["The second step is on already.", "De tweede stap staat al aan."],
  "refusal.unknown_host": [
    "This dashboard does not go by that name. Add it to dashboard.public_hosts.",
    "Dit dashboard kent die naam niet. Voeg hem toe aan dashboard.public_hosts.",
  ],
  "refusal.wrong_code": ["That code is not right.", "Deze code klopt niet."],
  "refusal.wrong_password": ["That password is not right.", "Dit wachtwoord klopt niet."],
  "refusal.wrong_token": ["That is no token for the wall display.", "Dat is geen sleutel voor het wandscherm."],
};
