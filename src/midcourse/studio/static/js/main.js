// @ts-check
/**
 * Starts the page: elements are defined, then the address, the keys and the stream of events are followed.
 */

import "./elements/top-bar.js";
import "./elements/trace-list.js";
import "./elements/notices.js";
import "./elements/help-sheet.js";
import "./elements/lesson.js";
import "./elements/preferences.js";
import "./elements/views.js";
import * as connection from "./connection.js";
import { loadPreferences } from "./effects.js";
import * as keys from "./keys.js";
import * as router from "./router.js";
import { followTheme } from "./theme.js";

router.start();
keys.start();
followTheme();
void loadPreferences();
connection.start();
