"use strict";

// Swagger UI takes every "_" of an anchor for a space as older versions wrote it, and warns
// on the console. Our anchors are full of "_" that mean themselves: read them as they are.
const PlainAnchors = () => ({
  statePlugins: {
    layout: {
      wrapActions: {
        parseDeepLinkHash: (_original, { layoutActions, layoutSelectors }) => (hash) => {
          const [tag, operation] = hash.replace(/^#!?\/?/, "").split("/").map(decodeURIComponent);
          if (!tag) return;
          for (const parts of operation ? [[tag], [tag, operation]] : [[tag]]) {
            layoutActions.show(layoutSelectors.isShownKeyFromUrlHashArray(parts), true);
          }
          layoutActions.scrollTo(
            layoutSelectors.isShownKeyFromUrlHashArray(operation ? [tag, operation] : [tag]),
          );
        },
      },
    },
  },
});

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const followScheme = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", followScheme);
followScheme();

window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: document.getElementById("swagger-ui").dataset.document,
    dom_id: "#swagger-ui",
    deepLinking: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0, // the schemas below the calls open on demand: they take seconds
    persistAuthorization: true, // a token outlives a reload; it ends within an hour anyway
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [PlainAnchors],
  });
});
