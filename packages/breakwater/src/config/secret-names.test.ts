import { describe, expect, it } from 'vitest';
import { isSecretName } from './secret-names.ts';

describe('isSecretName', () => {
  it.each([
    'Authorization',
    'proxy-authorization',
    'Cookie',
    'X-API-Key',
    'x-goog-api-key',
    'apikey',
    'GITHUB_TOKEN',
    'githubToken',
    'AWS_SECRET_ACCESS_KEY',
    'DB_PASSWORD',
    'X-Auth',
    'access_token',
    'CF-Access-Client-Secret',
    'Ocp-Apim-Subscription-Key',
    'x-functions-key',
    'api-key',
  ])('%s is', (name) => expect(isSecretName(name)).toBe(true));

  it.each([
    'Accept',
    'X-Tenant',
    'NODE_ENV',
    'AUTHOR',
    'KEYBOARD',
    'X-Request-Id',
    'tokenizer',
    'PATH',
    'primary-key-column',
  ])('%s is not', (name) => expect(isSecretName(name)).toBe(false));
});
