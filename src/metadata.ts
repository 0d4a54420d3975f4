/* eslint-disable */
export default async () => ({});
