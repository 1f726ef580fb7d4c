/** What runs on the library of a version: each version has classes of this package of its own. */
@NullMarked
package io.usagekit.verification.upgrades.deployed;

import org.jspecify.annotations.NullMarked;
