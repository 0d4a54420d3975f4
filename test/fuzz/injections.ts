/** Text that means something to whatever may stand behind a field: SQL, Redis, a shell, a path, a template, a log. */
export const INJECTIONS: readonly string[] = [
  "' OR 1=1--",
  "'; DELETE FROM users; --",
  '"; DROP TABLE jobs; --',
  "1' UNION SELECT password_hash FROM users--",
  '{"$gt":""}',
  '\r\nFLUSHALL\r\n',
  '*1\r\n$8\r\nFLUSHALL\r\n',
  "' .. redis.call('FLUSHALL') .. '",
  '; touch MARKER',
  '$(touch MARKER)',
  '`touch MARKER`',
  '| touch MARKER',
  '../../../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  '${7*7}{{7*7}}<%= 7*7 %>',
  '\u001b[31mred\u2028{"level":60,"msg":"forged"}',
  '=HYPERLINK("http://example.test","x")',
  'http://169.254.169.254/latest/meta-data/',
];

/** Text that breaks careless software, and may stand anywhere here. */
export const NAUGHTY: readonly string[] = [
  'a\u202eb', '\u200b\u200c\u200d\ufeff', 'Z\u0351\u036b\u0343a\u036a\u0342l\u0344\u0358go', '\u05d1\u05e8\u05d0\u05e9\u05d9\u05ea', '\ufdfa', '\ud83d\udc69\u200d\ud83d\udc69\u200d\ud83d\udc67', '\ud835\udcd7\ud835\udcee', 'e\u0301 \u00e9', '\u212a \u017f \u0130', '\u0001\u0008\u001f\u007f\u0085', '<script>alert(1)</script>', 'null', 'undefined', 'NaN', '1e400', '-0', '%s%n%x', '\\', '\\u0000', '"', "'", '`', '\u2028\u2029', '\uffff\ufffe', 'line\r\nbreak', '\t',
]; // prettier-ignore
