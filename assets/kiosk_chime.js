// The kiosk's sound for a critical alert: two notes, made on the spot.

const NOTES = [
  [660, 0],
  [880, 0.28],
];

/** `ring()` sounds when `on`; browsers allow that only after a touch or key, for which `waits()` says to ask. */
export function chime(on) {
  let audio = null;
  const context = () => (audio ??= on && globalThis.AudioContext ? new AudioContext() : null);
  return {
    waits: () => on && context()?.state !== "running",
    allow: () =>
      void context()
        ?.resume()
        .catch(() => {}),
    ring() {
      if (context()?.state !== "running") return;
      for (const [pitch, after] of NOTES) play(audio, pitch, audio.currentTime + after);
    },
    end: () => void audio?.close(),
  };
}

function play(audio, pitch, at) {
  const [tone, loudness] = [new OscillatorNode(audio, { frequency: pitch }), new GainNode(audio, { gain: 0 })];
  tone.connect(loudness).connect(audio.destination);
  loudness.gain.setTargetAtTime(0.4, at, 0.02);
  loudness.gain.setTargetAtTime(0, at + 0.2, 0.12);
  tone.start(at);
  tone.stop(at + 1);
}
