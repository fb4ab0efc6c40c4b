/** A short burst over what was just bought; still where motion is not wanted (see cards.css). */

const PIECES = 16;

export function Celebration() {
  return (
    <span class="celebration" aria-hidden="true">
      {Array.from({ length: PIECES }, (_, piece) => (
        <i
          key={piece}
          style={{
            "--turn": `${(piece * 360) / PIECES}deg`,
            "--far": `${46 + ((piece * 29) % 42)}px`,
            "--hue": String((piece * 67) % 360),
          }}
        />
      ))}
    </span>
  );
}
