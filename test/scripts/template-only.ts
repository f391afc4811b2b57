/** Tests of what the template's maintainers do. A clone, which has a name, changed what they stand on. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from '@jest/globals';
import { readTemplate } from '../../scripts/template/ownership.js';

const isNamed = !/^# MCP server template$/m.test(readFileSync('README.md', 'utf8'));
const isClone = isNamed || readTemplate().commit !== undefined;
const hasHistory = spawnSync('git', ['rev-parse', 'HEAD']).status === 0;

export const templateTest = isClone || !hasHistory ? test.skip : test;
