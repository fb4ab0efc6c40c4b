/** Runs in the head, before anything is painted: no flash of the other theme, the right language for whoever listens. */

import { chosenTheme, firstLang, showLang, showTheme } from "./shared/choice.js";

showLang(firstLang());
showTheme(chosenTheme());
