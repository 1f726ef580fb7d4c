/** The previous version beside the present one, on one Redis and one database. */
@NullMarked
package io.usagekit.verification.upgrades;

import org.jspecify.annotations.NullMarked;
