// Asks an authenticator for what a form wants to have. A form of a passkey has three hidden values: `step`; `options`, what is asked for;
// and `answer`, which this fills in before the form is sent.
'use strict';
(() => {
  const forms = [...document.forms].filter((form) => form.elements.options && form.elements.answer);
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  const known = (list) => (list || []).map(({ id, transports }) => ({ type: 'public-key', id: bytes(id), transports }));
  let waiting;

  const ask = async (asked, more) => {
    const challenge = bytes(asked.challenge);
    if (asked.call === 'create') {
      const publicKey = {
        challenge, timeout: asked.timeout, attestation: 'none', rp: { id: asked.site, name: asked.site },
        user: { id: bytes(asked.user), name: asked.name, displayName: asked.name },
        pubKeyCredParams: asked.algorithms.map((alg) => ({ type: 'public-key', alg })),
        authenticatorSelection: { residentKey: 'preferred', userVerification: asked.verification },
        excludeCredentials: known(asked.exclude),
      };
      const made = await navigator.credentials.create({ publicKey, ...more });
      return {
        id: text(made.rawId), client_data: text(made.response.clientDataJSON),
        attestation: text(made.response.attestationObject),
        transports: made.response.getTransports ? made.response.getTransports() : [],
      };
    }
    const publicKey = {
      challenge, timeout: asked.timeout, rpId: asked.site, userVerification: asked.verification,
      allowCredentials: known(asked.allow),
    };
    const { rawId, response } = await navigator.credentials.get({ publicKey, ...more });
    return {
      id: text(rawId), client_data: text(response.clientDataJSON), authenticator_data: text(response.authenticatorData),
      signature: text(response.signature), ...(response.userHandle ? { user: text(response.userHandle) } : {}),
    };
  };
  const send = (form, answer) => {
    form.elements.answer.value = JSON.stringify(answer);
    form.submit();
  };

  for (const form of forms) {
    if (!window.PublicKeyCredential) {
      form.hidden = true;
      continue;
    }
    const asked = JSON.parse(form.elements.options.value);
    form.addEventListener('submit', async (event) => {
      if (event.submitter && event.submitter.name === 'lang') { return; }
      event.preventDefault();
      if (waiting) { waiting.abort(); }
      // Without an answer the person is still on the page, and may try again.
      try { send(form, await ask(asked, {})); } catch { /* the person has stopped, or there is no passkey */ }
    });
    if (asked.conditional && PublicKeyCredential.isConditionalMediationAvailable) {
      // Where the browser can, it offers passkeys in the field of the name.
      PublicKeyCredential.isConditionalMediationAvailable().then(async (is) => {
        if (!is) { return; }
        waiting = new AbortController();
        try { send(form, await ask(asked, { mediation: 'conditional', signal: waiting.signal })); } catch { /* the same */ }
      });
    }
  }
})();
