//! What other systems export, a file a format.
