import { generateKeyPairSync, sign } from 'node:crypto';

/** One DER element: tag, length, content (X.690 §8.1). */
function der(tag: number, ...parts: readonly (Buffer | string)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
  const size = content.length;
  const length = size < 128 ? [size] : size < 256 ? [0x81, size] : [0x82, size >> 8, size & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const SEQUENCE = 0x30;
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
const utcTime = (date: Date) => der(0x17, `${date.toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)}Z`);
const pem = (label: string, content: Buffer) =>
  `-----BEGIN ${label}-----\n${content.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END ${label}-----\n`;

/** A self-signed certificate (RFC 5280 §4.1) for localhost and 127.0.0.1, and its key: no openssl, no key in the repository. */
export function selfSignedCertificate(now: Date = new Date()): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = der(SEQUENCE, oid('2a8648ce3d040302'));
  const name = der(SEQUENCE, der(0x31, der(SEQUENCE, oid('550403'), der(0x0c, 'localhost'))));
  const day = 86_400_000;
  const validity = [new Date(now.getTime() - day), new Date(now.getTime() + 30 * day)].map(utcTime);
  const altNames = der(SEQUENCE, der(0x82, 'localhost'), der(0x87, Buffer.from([127, 0, 0, 1])));
  const extensions = der(SEQUENCE, der(SEQUENCE, oid('551d11'), der(0x04, altNames)));

  const version = der(0xa0, der(0x02, Buffer.from([2])));
  const serialNumber = der(0x02, Buffer.from([1]));
  const publicKeyInfo = publicKey.export({ type: 'spki', format: 'der' });
  const issuerToSubject = [name, der(SEQUENCE, ...validity), name];
  const body = der(
    SEQUENCE,
    version,
    serialNumber,
    ecdsaWithSha256,
    ...issuerToSubject,
    publicKeyInfo,
    der(0xa3, extensions),
  );
  const signature = der(0x03, Buffer.from([0]), sign('sha256', body, privateKey));
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { cert: pem('CERTIFICATE', der(SEQUENCE, body, ecdsaWithSha256, signature)), key };
}
