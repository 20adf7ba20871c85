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

window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: document.getElementById("swagger-ui").dataset.document,
    dom_id: "#swagger-ui",
    deepLinking: true,
    displayRequestDuration: true,
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [PlainAnchors],
  });
});
