/** Text that is no JSON (RFC 8259), or is read differently by different parsers: it must be refused as a whole. */
export const NO_JSON: readonly string[] = [
  '[1,]', '[,1]', '[1,,2]', '[1 2]', '[', ']', '[]]', '[[]', '["x"', '[1', '[}', '{]',
  '{"a":1,}', '{,"a":1}', '{"a":1 "b":2}', '{"a" 1}', '{"a"}', '{"a":}', '{:1}', '{a:1}', "{'a':1}", '{1:1}', '{"a":1}}', '{"a":1}#', '{"a":1}{"b":2}', '{"a":/*x*/1}', '{"a":1}//x', '{"a"::1}', '{null:null}',
  '[+1]', '[01]', '[-01]', '[1.]', '[.5]', '[-.5]', '[1e]', '[1e+]', '[1.e1]', '[0x1]', '[1_000]', '[NaN]', '[Infinity]', '[-Infinity]', '[--1]', '[- 1]', '[1a]', '[\uff11]', '[2.e3]',
  '["\\x00"]', '["\\u12"]', '["\\u{61}"]', '["\\a"]', '["\t"]', '["\n"]', '["\\"]', "['a']", '["a""b"]', '["\\u00zz"]', '"a', 'a"',
  '[True]', '[nul]', '[truth]', 'undefined', 'nulll', '[\u00a0]', '[\u2060]', '\ufeff{}', '[\u000b]', '[\f]', ' ', '\0', '<a/>', '*', '{"a":1}\0',
  // Well formed, but not understood alike by all.
  '{"a":1,"a":2}', '{"a":1,"a":1}', '{"a":{},"\\u0061":[]}', '{"__proto__":{"is_admin":true}}', '{"a":{"constructor":{"prototype":{"is_admin":true}}}}', '{"\\u005f_proto__":1}',
  '[9007199254740993]', '[-9007199254740993]', '[1e400]', '[-1e400]', '[1e-999]', '[-0]', '[-0.0]', '[123456789012345678901234567890]',
  '["\\ud800"]', '["\\udc00\\ud800"]', '{"\\ud800":1}', '["\\u0000"]', '{"\\u0000":1}',
]; // prettier-ignore

/** JSON that is read. */
export const GOOD_JSON: readonly string[] = [
  '{}', ' {} ', '{"a":[]}', '\t\r\n{"a":\n1}', '{"":0}', '{"a":{"a":{"a":1}}}', '{"a":"\\u0061\\n\\/\\"\\\\"}', '{"a":"\\ud83d\\ude00"}', '{"\u00e9":1}', '{"a":1e2,"b":1E+2,"c":-1.5e-3,"d":0,"e":9007199254740991}', '{"a":0.1}', '{"a":[true,false,null]}', '{"a":"\u2028\u2029\u007f"}', '{"a":"\u202e\u200b"}', '{"a":"\uffff"}', `{"a":${'['.repeat(30)}${']'.repeat(30)}}`,
]; // prettier-ignore

/** Well-formed JSON whose top is no object. */
export const NO_OBJECTS: readonly string[] = ['[]', '[{}]', '"x"', '1', 'null', 'true', '[[]]'];
