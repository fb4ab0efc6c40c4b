/** A picture from a file, made small enough to travel in a product's address field. */

/** The wire's longest address, in characters. */
export const LONGEST = 2_048;
const SIZES = [128, 112, 96, 80, 64, 48] as const;
const QUALITIES = [0.7, 0.5, 0.35, 0.2] as const;

/** The largest and best `data:` address that fits, as `encode` makes them; null: none does. */
export function largestThatFits(encode: (size: number, quality: number) => string): string | null {
  for (const size of SIZES) {
    for (const quality of QUALITIES) {
      const address = encode(size, quality);
      if (address.length <= LONGEST) return address;
    }
  }
  return null;
}

/** The middle square of a picture file as a `data:image/…` address; null where it is no picture, or does not fit. */
export async function smallPicture(file: Blob): Promise<string | null> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return null;
  }
  const side = Math.min(bitmap.width, bitmap.height);
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  if (context === null) return null;
  return largestThatFits((size, quality) => {
    canvas.width = size;
    canvas.height = size;
    context.imageSmoothingQuality = "high";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, size, size);
    context.drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, size, size);
    return canvas.toDataURL("image/webp", quality);
  });
}
