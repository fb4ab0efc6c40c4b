import { render } from "preact";
import { useEffect } from "preact/hooks";
import "../style/base.css";
import "../style/landing.css";
import { t, useLang } from "../shared/i18n.js";
import { SiteHead } from "../shared/parts.js";
import { Poster } from "../shared/pictures.js";

function Page() {
  useLang();
  useEffect(() => {
    document.title = `${t("missing.title")} · ${t("app.name")}`;
  });
  return (
    <>
      <SiteHead />
      <main class="missing" data-testid="missing">
        <div class="missing-picture">
          <Poster name={location.pathname} />
          <strong aria-hidden="true">404</strong>
        </div>
        <h1>{t("missing.title")}</h1>
        <p class="soft">{t("missing.help")}</p>
        <a class="button primary" href="/">
          {t("gone.home")}
        </a>
      </main>
    </>
  );
}

const root = document.getElementById("app");
if (root !== null) render(<Page />, root);
