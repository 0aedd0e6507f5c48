/**
 * Files that va.gov lets a patient send, and `csv`, which OH users exchange. By extension: the media
 * types that browsers and scripts give such a file, the proper one first.
 */
export const typesByExtension: ReadonlyMap<string, readonly [string, ...string[]]> = new Map<
  string,
  readonly [string, ...string[]]
>([
  ['bmp', ['image/bmp', 'image/x-ms-bmp']],
  ['csv', ['text/csv', 'application/csv', 'text/plain', 'application/vnd.ms-excel']],
  ['doc', ['application/msword']],
  ['docx', ['application/vnd.openxmlformats-officedocument.wordprocessingml.document']],
  ['gif', ['image/gif']],
  ['jfif', ['image/jpeg', 'image/jfif', 'image/pjpeg']],
  ['jpeg', ['image/jpeg', 'image/jpg', 'image/pjpeg']],
  ['jpg', ['image/jpeg', 'image/jpg', 'image/pjpeg']],
  ['m4v', ['video/x-m4v', 'video/mp4']],
  ['mov', ['video/quicktime']],
  ['mp4', ['video/mp4']],
  ['mpg', ['video/mpeg']],
  ['odt', ['application/vnd.oasis.opendocument.text']],
  ['pdf', ['application/pdf', 'application/x-pdf']],
  ['pjp', ['image/jpeg', 'image/pjpeg', 'image/pjp']],
  ['pjpeg', ['image/jpeg', 'image/pjpeg']],
  ['png', ['image/png', 'image/x-png']],
  ['pps', ['application/vnd.ms-powerpoint']],
  ['ppsx', ['application/vnd.openxmlformats-officedocument.presentationml.slideshow']],
  ['ppt', ['application/vnd.ms-powerpoint']],
  ['pptx', ['application/vnd.openxmlformats-officedocument.presentationml.presentation']],
  ['rtf', ['application/rtf', 'text/rtf', 'application/x-rtf', 'application/msword']],
  ['tif', ['image/tiff', 'image/tif']],
  ['tiff', ['image/tiff']],
  ['txt', ['text/plain']],
  ['wmv', ['video/x-ms-wmv']],
  ['xls', ['application/vnd.ms-excel', 'application/msexcel']],
  ['xlsx', ['application/vnd.openxmlformats-officedocument.spreadsheetml.sheet']],
]);
