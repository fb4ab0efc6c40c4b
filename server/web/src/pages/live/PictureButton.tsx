/** A product's picture that opens its card. */

import type { ComponentChildren } from "preact";
import { t } from "../shared/i18n.js";
import { ProductPicture } from "../shared/pictures.js";

export function PictureButton(props: {
  product: { title: string; sku: string; image: string | null };
  onOpen: (sku: string) => void;
  testId: string;
  /** What lies over the picture. */
  children?: ComponentChildren;
}) {
  const { title, sku, image } = props.product;
  return (
    <button
      type="button"
      class="picture-button"
      aria-label={`${t("flash.open")}: ${title}`}
      data-testid={props.testId}
      onClick={() => props.onOpen(sku)}
    >
      <ProductPicture title={title} sku={sku} image={image} />
      {props.children}
    </button>
  );
}
