/** Tests of the page. */
@NullMarked
package io.usagekit.page;

import org.jspecify.annotations.NullMarked;
