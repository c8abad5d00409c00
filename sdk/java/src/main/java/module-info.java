/** Client of Umoja, the central identity store. */
module dev.umoja.sdk {
    requires transitive java.net.http;

    exports dev.umoja.sdk;
    exports dev.umoja.sdk.model;
}
