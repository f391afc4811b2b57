/** Where the authorization server sends the user back: hands the answer to the console, and forgets it. */
import { CHANNEL, REDIRECT_PATH } from './wire/oauth.js';

const channel = new BroadcastChannel(CHANNEL);
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a channel has no target: it is of one origin
channel.postMessage(location.href);
channel.close();
history.replaceState(null, '', REDIRECT_PATH);
window.close();
