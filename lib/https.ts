// ktls-transfer/https: node:https over connections whose record layer is the kernel's, or ours.
// types/https.d.ts declares and describes each of these.

export { metrics } from './https/metrics';
export { registerMetrics } from './https/prometheus';
export { sendFile } from './https/send-file';
export { createServer, HttpsServer } from './https/server';
